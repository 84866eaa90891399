#!/bin/sh
# Put ONNX Runtime Web, as package-lock.json pins it, where the page finds it. Needs npm.
# Of a dozen builds of it the one for processors alone is kept, its code compressed: file servers often compress nothing.
set -eu
cd "$(dirname "$0")"
command -v npm >/dev/null || { echo "npm is needed to fetch ONNX Runtime Web (Debian, Ubuntu: apt install npm)" >&2; exit 1; }
place=digit_ui/static/vendor/onnxruntime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
package=$work/node_modules/onnxruntime-web
mkdir -p "$place"
gzip -9nc "$package/dist/ort-wasm-simd-threaded.wasm" >"$work/ort.wasm.gz"
mv "$work/ort.wasm.gz" "$place/ort.wasm.gz"
# Last: the runtime is there once this is.
cp "$package/dist/ort.wasm.bundle.min.mjs" "$place/ort.js"
