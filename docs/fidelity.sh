#!/bin/sh
# The table of docs/fidelity.md: each case ROUNDS times with real nodes, the middle one of each quantile beside the simulated one.
# In the clone, when kvsim and kvsim-node are built: sh docs/fidelity.sh [ROUNDS] [FOLDER]
rounds=${1:-3}
folder=$(mktemp -d "${2:-/dev/shm}/fidelity.XXXXXX") || exit 2
kvsim=${KVSIM:-target/release/kvsim}
trap 'rm -rf "$folder"' EXIT INT TERM

# Case, kinds of operations to show, scenario, changes.
record() {
    name=$1 rows=$2 file=$3
    shift 3
    rm -rf "$folder/run"
    "$kvsim" cluster record "scenarios/real/$file.toml" --compare --out "$folder/run" "$@" |
        grep -E "^\| ($rows)" | sed "s/^|/| $name |/" >>"$folder/all"
}

for round in $(seq "$rounds"); do
    for nodes in 3 5; do
        for delay in 1ms 20ms; do
            for loss in 0% 5%; do
                case="$nodes nodes, $delay, loss $loss"
                record "$case" "write|read" fidelity --set "replicas=$nodes" --set "net.delay=$delay" --set "net.loss=$loss"
                record "$case" "found elsewhere, fifo" fidelity --set "replicas=$nodes" --set "net.delay=$delay" \
                    --set "net.loss=$loss" --set store.ack=1
            done
        done
        record "$nodes nodes, 20ms, partition" "write|read, eventual" partition --set "replicas=$nodes"
    done
    echo "round $round: load $(cut -d' ' -f1-3 /proc/loadavg)" >&2
done

awk -F' *[|] *' '
    function middle(text,    all, count, i, j, t) {
        count = split(text, all, " ")
        for (i = 2; i <= count; i++) for (j = i; j > 1 && all[j] + 0 < all[j - 1] + 0; j--) { t = all[j]; all[j] = all[j - 1]; all[j - 1] = t }
        return all[int((count + 1) / 2)]
    }
    {
        row = $2 " | " $3
        if (!(row in seen)) { seen[row] = 1; order[++rows] = row }
        for (quantile = 5; quantile <= 8; quantile++) {
            split($quantile, two, /, | /)
            simulated[row, quantile] = two[1]
            real[row, quantile] = real[row, quantile] " " two[2]
        }
    }
    END {
        print "| case | ms, simulated and real | p50 | p90 | p99 | longest |\n|---|---|---|---|---|---|"
        for (i = 1; i <= rows; i++) {
            line = "| " order[i]
            for (quantile = 5; quantile <= 8; quantile++) {
                one = simulated[order[i], quantile]; other = middle(real[order[i], quantile])
                line = line " | " one ", " other (one > 0 ? sprintf(" (%+.0f %%)", (other / one - 1) * 100) : "")
            }
            print line " |"
        }
    }' "$folder/all"
