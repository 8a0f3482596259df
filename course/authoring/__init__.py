"""What authors need and learners do not: building, checking and testing the lessons."""
