"""What people type, in the one form that is hashed: texts, telephone numbers, places, addresses, money."""
