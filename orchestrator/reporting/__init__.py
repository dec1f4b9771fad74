"""What is known of tickets, for people and programs to read."""
