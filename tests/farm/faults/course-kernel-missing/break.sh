course 'roster: {file: names.csv}' 'instructors: [carol]' 'kernel: python-2.7'
