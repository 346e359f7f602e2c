course 'roster: {group: jupyter-nobody}' 'instructors: [carol]'
