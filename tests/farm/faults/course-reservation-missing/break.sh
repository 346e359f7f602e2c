course 'roster: {file: names.csv}' 'instructors: [carol]' 'reservation: class-of-last-year'
