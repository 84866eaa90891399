#!/bin/sh
# Take out of a virtual environment what serving a network on a CPU never opens, and compile the rest.
# usage: trim-dependencies.sh VENV
set -eu
cd "$1"/lib/python3*/site-packages

# Other devices, and readers of other formats than the one in which converted models are kept.
rm -rf openvino/libs/libopenvino_intel_gpu_plugin.so openvino/libs/libopenvino_intel_npu_plugin.so openvino/libs/cache.json
for format in gguf jax onnx paddle pytorch tensorflow tensorflow_lite; do
  rm -rf openvino/libs/libopenvino_${format}_frontend.* openvino/frontend/$format
done
rm -rf openvino/include openvino/cmake
# For those who write drivers of databases; for those who colour source code; of SciPy what no other part needs.
rm -rf sqlalchemy/testing alembic/testing pygments scipy/io scipy/cluster scipy/fftpack scipy/datasets
# The page speaks French and English.
find babel/locale-data -name '*.dat' ! -name 'en*' ! -name 'fr*' ! -name root.dat -delete
# Of the services of AWS: object storage, and who one is.
find botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
find . -type d -name tests -prune -exec rm -rf {} +
find . -type f \( -name '*.pyi' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' -o -name '*.pyx' -o -name '*.pxd' \) -delete
# The server's root is read-only: what is not compiled now would be compiled at every start.
"$1/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash .
