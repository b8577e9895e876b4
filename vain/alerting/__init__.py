"""Rules: what is watched for, whether it holds, who is not to be told now. Pure."""
