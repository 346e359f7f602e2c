course 'roster: {file: names.csv}'
echo "title: [" >>"$ETC/courses/bio.yml"
