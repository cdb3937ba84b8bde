"""The routes of the five systems that Jobyard grew from: thin fronts of the same core."""
