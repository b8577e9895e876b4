"""What vAIn is measured beside: small servers of the usual kind, each as good as its framework makes it."""
