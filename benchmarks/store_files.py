"""``put_contents`` of one agent's folder and nothing else: ``python store_files.py s3://BUCKET/PREFIX FOLDER``.

Run by the Python of the environment that holds the installed wheel.
"""

import sys
from pathlib import Path

from repoint.agentfiles import Limits
from repoint.manifest import read_manifest
from repoint.s3client import S3Client, Settings
from repoint.s3keys import parse_address
from repoint.snapshot import build_snapshot
from repoint.store_s3 import S3Store

url, folder = sys.argv[1], Path(sys.argv[2])
contents = build_snapshot(read_manifest(folder, folder.name), Limits())
with S3Store(S3Client(Settings(parse_address(url)))) as store:
    store.put_contents(contents)
