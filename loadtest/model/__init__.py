"""The model of autoscaling, beside other signals and beside the real thing."""
