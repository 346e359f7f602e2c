course 'roster: {file: names.csv}' 'instructors: [carol]' 'material: {folder: /shared/course-of-last-year}'
