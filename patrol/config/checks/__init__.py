"""What no single value of a file can tell. One module for each subject; ``crosschecks`` is the list of them all."""
