"""Show instructors the page of their course, carry out their actions, and send their messages to
the course's servers."""
