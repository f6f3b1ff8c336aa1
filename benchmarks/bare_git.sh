#!/bin/sh
# What Repoint's commands do, done with bare Git plumbing and nothing else: no verification, no lints, no inferred version,
# no flushing to the disk beyond Git's own, no readable output. It is the floor that `make bench` measures beside them.
#
#   bare_git.sh publish FOLDER BASE-TAG NEW-TAG     bare_git.sh show TAG
#   bare_git.sh move ENV TAG                        bare_git.sh diff TAG TAG
#   bare_git.sh rollback ENV                        bare_git.sh changed TAG FOLDER
#   bare_git.sh status FOLDER ENV...                bare_git.sh envs ENV ENV
#   bare_git.sh list [N]                            bare_git.sh export TAG FOLDER
#   bare_git.sh log TAG N                           bare_git.sh fsck [OPTION]
#   bare_git.sh history ENV                         bare_git.sh at ENV TIME
set -eu

# no reflog, as Repoint writes none: what a measurement undoes would stay in it
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.logAllRefUpdates GIT_CONFIG_VALUE_0=false

env=refs/heads/repoint/env
job=$1
shift

# move_to ENV TREE OLD [PARENT]: one commit on top of the branch, which moves only if it still is where it was
move_to() {
    commit=$(git commit-tree "$2" -p "$3" ${4:+-p "$4"} -m "Move $1")
    git update-ref "$env/$1" "$commit" "$3"
}

case $job in
publish)
    # a tree for each folder, from the files as they are; then commit, tag and the ref that must not exist yet
    listed=
    for folder in prompts integrations; do
        entries=
        for file in "$1/$folder"/*; do
            test -f "$file" || continue
            entries="$entries$(printf '100644 blob %s\t%s' "$(git hash-object -w "$file")" "${file##*/}")
"
        done
        test -n "$entries" || continue
        listed="$listed$(printf '040000 tree %s\t%s' "$(printf %s "$entries" | git mktree)" "$folder")
"
    done
    listed="$(printf '100644 blob %s\t%s' "$(git hash-object -w "$1/agent.toml")" agent.toml)
$listed"
    tree=$(printf %s "$listed" | git mktree)
    commit=$(git commit-tree "$tree" -p "$2^{commit}" -m "Ask first")
    tag=$(printf 'object %s\ntype commit\ntag %s\ntagger Ada <ada@acme.example> 1780000000 +0000\n\nAsk first\n' \
        "$commit" "$3" | git mktag)
    git update-ref "refs/tags/$3" "$tag" 0000000000000000000000000000000000000000
    ;;
move)
    old=$(git rev-parse "$env/$1")
    record=$(git cat-file blob "$old:record.json" | git hash-object -w --stdin)
    tree=$( (printf '100644 blob %s\trecord.json\n' "$record"; git ls-tree "$old" agents) | git mktree)
    move_to "$1" "$tree" "$old" "$2^{commit}"
    ;;
rollback)
    old=$(git rev-parse "$env/$1")
    move_to "$1" "$(git rev-parse "$old~1^{tree}")" "$old"
    ;;
status)
    folder=$1
    shift
    for name; do git cat-file blob "$env/$name:record.json"; done
    git status --porcelain -- "$folder"
    ;;
list)
    if [ $# -gt 0 ]; then
        git for-each-ref --sort=-version:refname --count="$1" \
            --format='%(refname:strip=2) %(taggerdate:short) %(contents:subject)' refs/tags
    else
        git for-each-ref --sort=-version:refname \
            --format='%(refname:strip=2) %(taggerdate:short) %(contents:subject)' refs/tags
    fi
    ;;
log) git log --first-parent -n "$2" "$1" -- ;;
show)
    git cat-file tag "$1"
    git cat-file blob "$1:.repoint/snapshot.json"
    ;;
diff) git diff "$1" "$2" -- . ':!.repoint' ;;
changed)
    # the folder against the tag, through an index of its own
    GIT_DIR=$(git rev-parse --absolute-git-dir)
    export GIT_DIR GIT_WORK_TREE=. GIT_INDEX_FILE="$GIT_DIR/bare_git.index"
    cd "$2"
    git read-tree "$1"
    git diff -- . ':!.repoint'
    rm -f "$GIT_INDEX_FILE"
    ;;
envs) git diff "$env/$1" "$env/$2" -- agents ;;
history) git log --first-parent -n 20 "$env/$1" -- ;;
at) git cat-file blob "$(git rev-list --first-parent -n 1 --before="$2" "$env/$1"):record.json" ;;
export)
    mkdir "$2"
    git archive "$1" | tar -x -C "$2"
    ;;
fsck) git fsck --no-dangling --no-progress "${1:---connectivity-only}" ;;
*)
    echo "bare_git.sh: there is no job $job" >&2
    exit 2
    ;;
esac
