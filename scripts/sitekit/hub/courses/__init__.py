"""What instructors see and do on the page of their course, and what its servers hear of it."""
