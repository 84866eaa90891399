#!/bin/sh
# Take out of a virtual environment what training never opens, and compile the rest.
# usage: trim-dependencies.sh VENV
set -eu
cd "$1"/lib/python3*/site-packages

rm -rf tensorflow/include clang setuptools wheel # for those who compile extensions of TensorFlow
rm -rf onnx/backend/test # for those who write runtimes
rm -rf pyarrow/*flight* pyarrow/_s3fs* pyarrow/libarrow_s3* pyarrow/include # shards are files
rm -rf grpc sqlalchemy/testing # for debugging from another machine; for those who write drivers of databases
# Of the services of AWS: object storage, and who one is.
find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
find . -type d -name tests -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' -o -name '*.pyx' -o -name '*.pxd' \) -delete
# The trainer's root is read-only: what is not compiled now would be compiled at every start.
"$1/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash .
