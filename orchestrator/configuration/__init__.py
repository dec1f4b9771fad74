"""What the machine's and the repository's files say, and what is found there."""
