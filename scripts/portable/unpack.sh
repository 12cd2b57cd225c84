#!/bin/sh
# Unpacks the archives that lie beside this script, as far as they are here: sh unpack.sh [FOLDER]
# Needs sh, tar, gzip and sha256sum. May be run again as more archives arrive; those that have been
# unpacked may be deleted before.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-.}
manifest=$here/MANIFEST
mkdir -p "$target"
cd "$target"
name=$(sed -n 's/^folder //p' "$manifest")
state=$name/.unpacked
mkdir -p "$state"

fail() {
  echo "unpack.sh: $1" >&2
  exit 1
}

sum_of() {
  sha256sum "$1" | cut -d ' ' -f 1
}

missing=
while read -r kind sum rest; do
  [ "$kind" = archive ] || continue
  [ ! -e "$state/$sum" ] || continue
  if [ ! -e "$here/$rest" ]; then
    missing="$missing $rest"
    continue
  fi
  [ "$(sum_of "$here/$rest")" = "$sum" ] || fail "$rest is damaged: carry it over again"
  echo "unpacking $rest"
  tar -xzf "$here/$rest"
  : >"$state/$sum"
done <"$manifest"

while read -r kind sum pieces file; do
  [ "$kind" = join ] || continue
  [ ! -e "$state/$sum" ] || continue
  number=1
  complete=yes
  while [ "$number" -le "$pieces" ]; do
    piece=$name/$file.$(printf %03d "$number")
    [ -e "$piece" ] || complete=no
    number=$((number + 1))
  done
  [ "$complete" = yes ] || continue
  echo "joining $file"
  cat "$name/$file".[0-9][0-9][0-9] >"$name/$file"
  [ "$(sum_of "$name/$file")" = "$sum" ] || fail "$file is damaged after joining"
  rm "$name/$file".[0-9][0-9][0-9]
  : >"$state/$sum"
done <"$manifest"

if [ -n "$missing" ]; then
  echo "still to come:$missing"
else
  echo "complete: $name/bin/dnnscaler"
fi
