"""What is predicted from what: tasks, targets, codes and their tables."""
