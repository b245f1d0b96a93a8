# settings
AWS_ACCESS_KEY_ID = "{{aws-access-key-id:2}}"
AWS_SECRET_ACCESS_KEY = "{{aws-secret-access-key:2}}"
