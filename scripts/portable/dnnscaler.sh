#!/bin/sh
# Runs dnnscaler with the Node.js that lies beside it.
root=$(cd "$(dirname "$0")/.." && pwd)
exec "$root/node/bin/node" "$root/app/dist/cli/main.js" "$@"
