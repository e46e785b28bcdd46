# Shared by the scripts beside it; sourced, never run. Each function is quiet when there is nothing to do.
# shellcheck shell=bash disable=SC2034 # what is set here is used there

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target == /* ]] || target=$PWD/$target
# rustup puts cargo there, but a shell that was open before does not know.
[[ -d $HOME/.cargo/bin ]] && PATH=$PATH:$HOME/.cargo/bin

# What it takes to build: a C compiler (SQLite, ring), OpenSSL (rust_socketio) and the web view.
build_packages=(build-essential pkg-config ca-certificates libssl-dev libwebkit2gtk-4.1-dev)
display_packages=(xvfb)
# Wrong clocks, network namespaces, certificates, signals, and disks that are full.
fault_packages=(faketime iproute2 openssl procps mount)

say() { printf '\033[1m▸ %s\033[0m\n' "$*" >&2; }
fail() {
    printf '\033[1m✗ %s\033[0m\n' "$*" >&2
    exit 1
}

# Installs the Debian packages that are missing.
need_packages() {
    local missing=() package
    command -v dpkg-query >/dev/null || return 0 # not Debian: the build itself says what it lacks
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    local as_root=()
    if ((EUID)); then
        # Without a terminal nobody can type sudo's password.
        { [[ -t 0 ]] && command -v sudo >/dev/null; } || sudo -n true 2>/dev/null ||
            fail "Packages are missing and only root can install them; run as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "Installing Debian packages (a minute or two): ${missing[*]}"
    local log
    log=$(mktemp)
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' sh "${missing[@]}" >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "The packages can't be installed; check the network and apt's message above, then run this again."
    fi
    rm -f "$log"
}

# Checks for Rust and fetches the crates.
need_rust() {
    command -v cargo >/dev/null || fail "Rust is missing; install it with rustup and run this again."
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    # Quick when all is there, and the one step of the build that needs the network.
    (cd "$root" && CARGO_TERM_QUIET=true cargo fetch --locked --target "$host") ||
        fail "The crates can't be fetched; run this once with a network (or update Cargo.lock, if cargo says so above)."
}

# Checks for Node.
need_node() {
    command -v npm >/dev/null || fail "Node is missing; install Node 20.19 or newer with npm and run this again."
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
        fail "Node $(node --version) is too old; install Node 20.19 or newer and run this again."
}

# Installs the npm packages of a folder when its lists changed.
need_modules() {
    local folder=$root/$1 stamp=$root/$1/node_modules/.gangway-stamp wanted log
    wanted=$(cd "$folder" && cat package.json package-lock.json .npmrc 2>/dev/null | sha256sum)
    [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    say "Installing the npm packages of $1 (about half a minute)"
    log=$(mktemp)
    # A lock file made on another platform can lack this one's binaries: then install without changing it.
    if ! (cd "$folder" && { npm ci --no-progress || npm install --no-save --no-progress; }) >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "The npm packages of $1 can't be installed; check the network and npm's message above, then run this again."
    fi
    rm -f "$log"
    printf '%s\n' "$wanted" >"$stamp"
}

# Builds the page when its sources changed. The app embeds ui/dist.
need_page() {
    local stamp=$target/page.stamp wanted
    wanted=$(cd "$root/ui" && find . \( -name node_modules -o -name dist \) -prune -o -type f ! -name '*.tsbuildinfo' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
    [[ -f $root/ui/dist/index.html && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    say "Building the page"
    mkdir -p "$target"
    (cd "$root/ui" && npm run --silent build) || return 1
    printf '%s\n' "$wanted" >"$stamp"
}

has_display() { [[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]]; }

# Starts a virtual display, large enough for the tallest view: sets DISPLAY and xvfb_pid. In a session of its
# own, so that Ctrl-C leaves it to the window until that has closed.
start_display() {
    local from number
    exec {from}< <(exec setsid Xvfb -displayfd 1 -screen 0 1920x1920x24 -nolisten tcp 2>/dev/null)
    xvfb_pid=$!
    read -r -t 20 number <&"$from" || fail "The virtual display did not start; try: Xvfb :99"
    export DISPLAY=:$number
}
