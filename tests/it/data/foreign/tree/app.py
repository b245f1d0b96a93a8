import boto3

aws_access_key_id = "{{aws-access-key-id:1}}"
aws_secret_access_key = "{{aws-secret-access-key:1}}"
