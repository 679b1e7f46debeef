#!/usr/bin/env bash
# Installs what a make target needs and is missing: "build/need.sh go node page clients portal chromium window".
# Where there is apt it installs; elsewhere it says in one line what to install. What is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

updated=
apt_install() {
  command -v apt-get >/dev/null || return 1
  export DEBIAN_FRONTEND=noninteractive
  if [ -z "$updated" ]; then
    as_root apt-get -o DPkg::Lock::Timeout=400 -qq update && updated=1
  fi
  as_root apt-get -o DPkg::Lock::Timeout=400 -qq -y install --no-install-recommends "$@" >/dev/null
}

# need WHAT HOW-TO PACKAGE… : installs the packages, or tells.
need() {
  local what=$1 how=$2
  shift 2
  command -v apt-get >/dev/null && echo "installing $what: $*" >&2
  apt_install "$@" || { echo "$what is missing. Install it: $how" >&2; exit 1; }
}

# modules FOLDER : npm ci, unless what is there came from the same lock file.
modules() {
  if ! cmp -s "$1/package-lock.json" "$1/node_modules/.installed-from"; then
    echo "npm ci in $1" >&2
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error >&2)
    cp "$1/package-lock.json" "$1/node_modules/.installed-from"
  fi
}

for thing in "$@"; do
  case $thing in
    go)
      command -v go >/dev/null || { echo "Go is missing. Install Go 1.26 or newer: https://go.dev/dl/" >&2; exit 1; }
      ;;
    node)
      command -v npm >/dev/null || need "Node.js" "https://nodejs.org (20.19 or newer)" nodejs npm
      node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
        { echo "Node.js $(node --version) is too old. Install 20.19 or newer: https://nodejs.org" >&2; exit 1; }
      ;;
    page)
      command -v openssl >/dev/null || need OpenSSL "the openssl command" openssl # a test runs the page's shell snippet
      modules frontend
      ;;
    clients) modules testdata/clients ;;
    portal) modules testdata/portal ;;
    chromium)
      command -v curl >/dev/null || need curl "the curl command" curl # a test pastes the page's shell snippet
      [ -n "${CHROMIUM:-}" ] || [ -x /usr/bin/chromium ] || [ -x /usr/bin/chromium-browser ] || [ -x /usr/bin/google-chrome ] ||
        [ -d "/Applications/Google Chrome.app" ] || [ -d /Applications/Chromium.app ] ||
        need Chromium "any Chromium or Chrome, or set CHROMIUM to its path" chromium
      # A test makes Chromium trust a CA, as "echolab tls" says.
      [ "$(uname -s)" != Linux ] || command -v certutil >/dev/null || need certutil "NSS's certutil" libnss3-tools
      ;;
    window)
      if [ "$(uname -s)" = Linux ]; then
        command -v gcc >/dev/null && command -v pkg-config >/dev/null ||
          need "a C compiler" "gcc and pkg-config" gcc libc6-dev pkg-config
        pkg-config --exists gtk+-3.0 webkit2gtk-4.1 ||
          need "GTK and WebKitGTK" "the development packages of GTK 3 and WebKitGTK 4.1" libgtk-3-dev libwebkit2gtk-4.1-dev
      fi
      ;;
    screen)
      command -v Xvfb >/dev/null || need Xvfb "Xvfb" xvfb
      command -v import >/dev/null || need ImageMagick "ImageMagick" imagemagick
      ;;
    race)
      command -v gcc >/dev/null || command -v clang >/dev/null || need "a C compiler" "gcc" gcc libc6-dev
      ;;
    *)
      echo "need.sh knows no $thing" >&2
      exit 2
      ;;
  esac
done
