"""What a rollback cannot do without, and nothing else: a client of boto3's, one read, two conditional writes.

``python bare_boto3.py BUCKET KEY``: reads KEY, creates an object beside it, replaces KEY by itself.
"""

import sys
import time

import boto3
from botocore.config import Config

bucket, key = sys.argv[1:]
settings = Config(
    retries={"total_max_attempts": 1},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    s3={"addressing_style": "path"},
)
client = boto3.client("s3", config=settings)
pointer = client.get_object(Bucket=bucket, Key=key)
content = pointer["Body"].read()
written = {"Bucket": bucket, "Body": content, "ChecksumAlgorithm": "SHA256"}
client.put_object(Key=f"{key}.{time.time_ns()}", IfNoneMatch="*", **written)
client.put_object(Key=key, IfMatch=pointer["ETag"], **written)
print(len(content))
