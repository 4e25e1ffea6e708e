"""What is asked of a judge, one idea a file."""
