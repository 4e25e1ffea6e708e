"""What judges: classifiers, and how they are found, loaded, checked and frozen."""
