course 'roster: {file: names.csv}' 'instructors: [carol]'
echo zoe >>"$ETC/courses/names.csv"
