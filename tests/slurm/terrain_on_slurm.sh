#!/bin/bash
# Runs slurm/maniple.sbatch on a Slurm cluster of two virtual nodes on this machine.
#
#   tests/slurm/terrain_on_slurm.sh MANIPLE PYTHON
#
# The main job's result is compared with tests/terrain_reference.py; exit codes and USR1 are tested with stand-ins for
# maniple. Exit status 77 (skipped) without root, Slurm's packages or the right to make network namespaces.
set -euo pipefail
maniple=$(realpath "$1")
python=$2
tree=$(realpath "$(dirname "$0")/../..")
cluster=$tree/tests/slurm/slurm-on-one-machine.sh

skip() {
    echo "SKIPPED: $*"
    exit 77
}
[ "$(id -u)" = 0 ] || skip "a cluster of virtual nodes needs root"
for program in slurmctld slurmd sbatch munged ip unshare nsenter; do
    command -v "$program" >/dev/null || skip "no $program: cmake/install-packages.sh slurm"
done
work=$(mktemp -d)
export SOM_DIR=$work/cluster SOM_NET=10.77.$((20 + $$ % 200)) SOM_TAG=mn$(($$ % 1000))
ip netns add "$SOM_TAG-try" 2>/dev/null && ip netns exec "$SOM_TAG-try" true 2>/dev/null || refused=true
ip netns del "$SOM_TAG-try" 2>/dev/null || true
clean_up() {
    "$cluster" stop
    rm -rf "$work"
}
trap clean_up EXIT
[ -z "${refused:-}" ] || skip "this root may not make network namespaces (a container?)"

chmod 755 "$work"
"$cluster" start 2 2
eval "$("$cluster" env)"
cd "$work"

failures=0
fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
submit() { # submit PROGRAM ARGUMENTS…: prints the job's number
    MANIPLE=$1 sbatch --parsable "$tree/slurm/maniple.sbatch" "${@:2}"
}
expect() { # expect JOB STATE: waits up to two minutes, and shows the job's output where it ended otherwise
    local state
    state=$("$cluster" wait "$1" 120 || true)
    if [ "$state" = "$2" ]; then
        echo "good: job $1 ended with $state"
    else
        fail "job $1 ended with '$state', not '$2'; its output:"
        cat "slurm-maniple-$1.out" || true
    fi
}

# Exit codes come through, and a rank that is killed counts as lost.
cat >stand-in <<'END'
#!/bin/bash
# stand-in run CODE|stop|killed: rank 1 ends later than rank 0
rank=$SLURM_PROCID
case $2 in
    stop) trap 'echo "rank $rank was told"; exit 75' USR1
          echo "rank $rank waits"
          for _ in {1..600}; do sleep 0.1; done ;;
    killed) if [ "$rank" = 0 ]; then kill -KILL $$; fi
            sleep 60 ;;
    *) sleep "0.$((rank * 5))"
       exit "$2" ;;
esac
END
chmod +x stand-in
expect "$(submit ./stand-in 0)" "COMPLETED 0:0"
expect "$(submit ./stand-in 65)" "FAILED 65:0"
expect "$(submit ./stand-in killed)" "FAILED 76:0"

# The signal that Slurm sends to the script before the time limit reaches every rank.
job=$(submit ./stand-in stop)
for _ in {1..300}; do
    [ "$(grep -c waits "slurm-maniple-$job.out" 2>/dev/null)" != 2 ] || break
    sleep 0.1
done
scancel --batch --signal=USR1 "$job"
expect "$job" "FAILED 75:0"
[ "$(grep -c 'was told' "slurm-maniple-$job.out")" = 2 ] || fail "USR1 did not reach both ranks"

# The main job: files of its own, since results appear beside the job file. Several times: over a real network, and where
# MPI_Finalize is no barrier (as under this Slurm), ranks that part in the wrong order fail now and then only.
cp -r "$tree/jobs" .
for _ in 1 2 3 4 5; do
    rm -f jobs/terrain.h5
    job=$(submit "$maniple" jobs/terrain.yaml)
    expect "$job" "COMPLETED 0:0"
    "$python" -B "$tree/tests/terrain_reference.py" jobs/terrain.h5 || fail "the result is not the reference's"
done
cat "slurm-maniple-$job.out"

[ "$failures" = 0 ]
