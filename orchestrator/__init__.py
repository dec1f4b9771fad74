"""Wire everything: tickets, jobs, attempts, delivery, the command line."""
