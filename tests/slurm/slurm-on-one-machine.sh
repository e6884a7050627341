#!/bin/bash
# A whole Slurm cluster on ONE machine, for tests.  Needs root and the Debian packages
#   slurmctld slurmd slurm-client munge iproute2 util-linux   (openmpi-bin for mpirun)
# Every virtual node has its own network, host name, process and mount namespace, so nodes
# really can be lost (link down, all processes killed) and no /etc file is touched.
# $SOM_DIR/nodetmp and /dev/shm are node-local (different on every node); the rest is shared.
# All state lives in one directory below /tmp; `stop` ends only processes recorded there.
#
#   slurm-on-one-machine.sh start [NODES [CPUS]]   default 2 nodes, 2 CPUs each
#   eval "$(slurm-on-one-machine.sh env)"          sets SLURM_CONF, SOM_DIR for sbatch/srun/...
#   slurm-on-one-machine.sh status | stop
#   slurm-on-one-machine.sh with [-n NODES] [-c CPUS] -- CMD...   start, run CMD, stop
#   slurm-on-one-machine.sh lose NODE  | heal NODE      link down / up  (a lost node)
#   slurm-on-one-machine.sh kill NODE  | boot NODE      slurmd and all its jobs die / come back
#   slurm-on-one-machine.sh on NODE CMD...              run CMD inside the node
#   slurm-on-one-machine.sh now JOB [SECONDS]           lets a requeued job start at once
#   slurm-on-one-machine.sh wait JOB [SECONDS]          prints e.g. "COMPLETED 0:0"
#
# Environment: SOM_DIR (state directory, default /tmp/slurm-on-one-machine.$UID),
#   SOM_NET (first three octets, default 10.77.7), SOM_TAG (interface prefix, <= 6 letters,
#   default "som"), SOM_CONF_EXTRA (lines appended to slurm.conf).
# Two clusters at once: give each its own SOM_DIR, SOM_NET and SOM_TAG.
set -u
SOM_DIR=${SOM_DIR:-/tmp/slurm-on-one-machine.$UID}
SOM_NET=${SOM_NET:-10.77.7}
SOM_TAG=${SOM_TAG:-som}
export LC_ALL=C
say() { echo "slurm-on-one-machine: $*" >&2; }
die() { say "$*"; exit 1; }
need() { for p; do command -v "$p" >/dev/null || die "missing program: $p"; done; }

nodes()  { cat "$SOM_DIR/nodes" 2>/dev/null; }
isnode() { nodes | grep -qx -- "$1"; }
starttime() {  # field 22 of /proc/PID/stat, to be sure that a pid is still the same process
  [ -r "/proc/$1/stat" ] || return 1
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '{print $20}'
}
record() { echo "$2 $(starttime "$2")" >"$SOM_DIR/pid/$1"; disown "$2" 2>/dev/null; return 0; }
alive()  { local p s; read -r p s 2>/dev/null <"$SOM_DIR/pid/$1" || return 1
           [ -n "$p" ] && [ "$(starttime "$p")" = "$s" ] && echo "$p"; }
end() {   # end NAME: TERM, up to 5 s, KILL; only the recorded process
  local p i; p=$(alive "$1") || { rm -f "$SOM_DIR/pid/$1"; return 0; }
  [ -n "$p" ] || { rm -f "$SOM_DIR/pid/$1"; return 0; }
  kill -TERM "$p" 2>/dev/null
  for i in $(seq 50); do [ -n "$(alive "$1")" ] || break; sleep 0.1; done
  p=$(alive "$1") && [ -n "$p" ] && kill -KILL "$p" 2>/dev/null
  rm -f "$SOM_DIR/pid/$1"
}

init_of() { local h; h=$(alive "node-$1") && [ -n "$h" ] && cut -d' ' -f1 "/proc/$h/task/$h/children" 2>/dev/null; }
enter()  { local c; c=$(init_of "$1"); [ -n "$c" ] || die "node $1 is not there"
           echo nsenter -t "$c" -r -w -m -u -n -p --; }   # -r -w: also where all this runs in a chroot
netns_pids() {  # processes of the node as seen from outside, its init left out
  local p c h; h=$(alive "node-$1"); c=$(init_of "$1")
  for p in $(ip netns pids "$SOM_TAG-$1" 2>/dev/null); do [ "$p" = "$h" ] || [ "$p" = "$c" ] || echo "$p"; done
}
hold() {  # the node itself: network, host name, process space, node-local $SOM_DIR/nodetmp and /dev/shm
  local n=$1 i
  mkdir -p "$SOM_DIR/spool/$n" "$SOM_DIR/tmp/$n"
  setsid ip netns exec "$SOM_TAG-$n" unshare --uts --pid --fork --kill-child --mount-proc /bin/bash -c '
      cd / && hostname "$0" && mount --bind "$1/tmp/$0" "$1/nodetmp" && mount -t tmpfs -o mode=1777 shm /dev/shm &&
      mkfifo "$1/pid/$0.fifo" && exec 3<>"$1/pid/$0.fifo" && : >"$1/pid/$0.ready" &&
      while :; do read -r -t 3600 -u 3; done' "$n" "$SOM_DIR" \
      </dev/null >>"$SOM_DIR/log/node-$n.out" 2>&1 &
  record "node-$n" $!
  for i in $(seq 100); do [ -e "$SOM_DIR/pid/$n.ready" ] && return 0; sleep 0.05; done
  return 1
}
boot() {  # one virtual node's slurmd
  local n=$1
  [ -n "$(alive "slurmd-$n")" ] && return 0
  setsid $(enter "$n") slurmd -D -N "$n" -f "$SOM_DIR/slurm.conf" -L "$SOM_DIR/log/slurmd-$n.log" \
      </dev/null >>"$SOM_DIR/log/slurmd-$n.out" 2>&1 &
  record "slurmd-$n" $!
}
answers() {  # wait until slurmctld sees the node again
  local i st; export SLURM_CONF="$SOM_DIR/slurm.conf"
  for i in $(seq 150); do
    st=$(sinfo -h -N -p main -n "$1" -o '%t' 2>/dev/null)
    case $st in idle|mix|alloc) sleep 3; return 0 ;; esac   # a job started sooner gets a node too few
    sleep 0.2
  done; say "node $1 is still '$st'"; return 1
}
crash() { # every process of the node gone at once, as in a power cut
  local p
  for p in $(netns_pids "$1"); do kill -KILL "$p" 2>/dev/null; done
  rm -f "$SOM_DIR/pid/slurmd-$1"
  rm -rf "${SOM_DIR:?}/tmp/$1" "$SOM_DIR/spool/$1"    # node-local disks come back empty
  mkdir -p "$SOM_DIR/spool/$1"
  $(enter "$1") sh -c 'umount "$1" && mkdir -p "$0" && mount --bind "$0" "$1"; rm -rf /dev/shm/*' "$SOM_DIR/tmp/$1" "$SOM_DIR/nodetmp"
}

start() {
  local count=${1:-2} cpus=${2:-2} n i mem list
  [ "$(id -u)" = 0 ] || die "needs root (network namespaces)"
  need ip unshare setsid munged slurmctld slurmd scontrol
  [ -e "$SOM_DIR/nodes" ] && die "already started in $SOM_DIR (stop it first)"
  ip link show "$SOM_TAG-br" >/dev/null 2>&1 && die "interface $SOM_TAG-br exists; set SOM_TAG"
  mkdir -p "$SOM_DIR" && chmod 755 "$SOM_DIR" && mkdir -p "$SOM_DIR"/{pid,log,state,spool,munge,tmp,nodetmp}
  chmod 755 "$SOM_DIR/munge"
  : >"$SOM_DIR/nodes"
  trap 'say "start failed, cleaning up"; stop; exit 1' ERR INT TERM
  set -E

  # --- network: one bridge, one veth pair for each node
  ip link add "$SOM_TAG-br" type bridge
  ip addr add "$SOM_NET.1/24" dev "$SOM_TAG-br"
  ip link set "$SOM_TAG-br" up
  for i in $(seq 0 "$count"); do           # 0: the controller
    n=hn$i; [ "$i" = 0 ] && n=ctl || echo "$n" >>"$SOM_DIR/nodes"
    ip netns add "$SOM_TAG-$n"
    ip link add "$SOM_TAG-v$i" type veth peer name eth0 netns "$SOM_TAG-$n"
    ip link set "$SOM_TAG-v$i" master "$SOM_TAG-br" up
    [ "$i" = 0 ] && ip -n "$SOM_TAG-$n" addr add "$SOM_NET.2/24" dev eth0 ||
      ip -n "$SOM_TAG-$n" addr add "$SOM_NET.$((10 + i))/24" dev eth0
    ip -n "$SOM_TAG-$n" link set lo up
    ip -n "$SOM_TAG-$n" link set eth0 up
    hold "$n"
  done

  # --- munge with a key of its own
  dd if=/dev/urandom of="$SOM_DIR/munge/key" bs=128 count=1 status=none
  chmod 400 "$SOM_DIR/munge/key"
  setsid munged --foreground --force --key-file="$SOM_DIR/munge/key" --socket="$SOM_DIR/munge/socket" \
      --pid-file="$SOM_DIR/munge/pid" --log-file="$SOM_DIR/munge/log" \
      --seed-file="$SOM_DIR/munge/seed" --num-threads=2 </dev/null >"$SOM_DIR/log/munged.out" 2>&1 &
  record munged $!
  for i in $(seq 50); do [ -S "$SOM_DIR/munge/socket" ] && break; sleep 0.1; done
  [ -S "$SOM_DIR/munge/socket" ]

  # --- slurm.conf
  mem=$(( $(awk '/MemTotal/{print $2}' /proc/meminfo) / 1024 * 8 / 10 ))
  {
    cat <<CONF
ClusterName=one
SlurmctldHost=ctl($SOM_NET.2)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$SOM_DIR/munge/socket
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$SOM_DIR/state
SlurmdSpoolDir=$SOM_DIR/spool/%n
SlurmctldPidFile=$SOM_DIR/state/slurmctld.pid
SlurmdPidFile=$SOM_DIR/spool/%n/slurmd.pid
SlurmctldLogFile=$SOM_DIR/log/slurmctld.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog=$SOM_DIR/taskprolog
SwitchType=switch/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,batch_sched_delay=0,sched_min_interval=0
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$SOM_DIR/log/jobcomp.txt
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
MinJobAge=300
KillWait=5
CompleteWait=0
MessageTimeout=5
JobRequeue=1
OverTimeLimit=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
CONF
    list=$(nodes | paste -sd,)
    i=0
    for n in $(nodes); do i=$((i + 1))
      echo "NodeName=$n NodeHostname=$n NodeAddr=$SOM_NET.$((10 + i)) CPUs=$cpus RealMemory=$mem State=UNKNOWN"
    done
    echo "PartitionName=main Nodes=$list Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=3 State=UP"
    echo "PartitionName=urgent Nodes=$list MaxTime=INFINITE PriorityTier=9 State=UP"
    [ -n "${SOM_CONF_EXTRA:-}" ] && printf '%s\n' "$SOM_CONF_EXTRA"
    :
  } >"$SOM_DIR/slurm.conf"
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$SOM_DIR/cgroup.conf"
  printf 'PMIxCliTmpDirBase=%s\n' "$SOM_DIR/nodetmp" >"$SOM_DIR/mpi.conf"
  cat >"$SOM_DIR/taskprolog" <<PROLOG
#!/bin/sh
echo export OMPI_MCA_orte_tmpdir_base=$SOM_DIR/nodetmp
echo export SOM_NODETMP=$SOM_DIR/nodetmp
PROLOG
  chmod 755 "$SOM_DIR/taskprolog"
  export SLURM_CONF="$SOM_DIR/slurm.conf"

  # --- daemons
  setsid $(enter ctl) slurmctld -D -f "$SLURM_CONF" </dev/null >"$SOM_DIR/log/slurmctld.out" 2>&1 &
  record slurmctld $!
  for n in $(nodes); do boot "$n"; done

  # --- wait until every node is idle
  for i in $(seq 150); do
    [ "$(sinfo -h -N -p main -o '%t' 2>/dev/null | grep -cx idle)" = "$count" ] && break
    [ -n "$(alive slurmctld)" ] || die_started "slurmctld died"
    sleep 0.2
  done
  [ "$(sinfo -h -N -p main -o '%t' 2>/dev/null | grep -cx idle)" = "$count" ] || die_started "nodes did not come up"
  trap - ERR INT TERM; set +E
}
die_started() { say "$1"; grep -hiE 'error|fatal' "$SOM_DIR"/log/* | tail -n 12 >&2; stop; exit 1; }

stop() {
  trap - ERR INT TERM; set +E
  [ -d "$SOM_DIR" ] || return 0
  local n p i j left all
  all="$(nodes) ctl"
  for n in $all; do for p in $(netns_pids "$n"); do kill -TERM "$p" 2>/dev/null; done; done
  for i in $(seq 20); do
    left=; for n in $all; do left="$left$(netns_pids "$n")"; done
    [ -z "$left" ] && break; sleep 0.1
  done
  i=0
  for n in $all; do
    p="$(init_of "$n") $(alive "node-$n")"; kill -KILL $p 2>/dev/null   # takes its whole process space along
    for j in $(seq 30); do [ -z "$(ip netns pids "$SOM_TAG-$n" 2>/dev/null)" ] && break; sleep 0.1; done
    ip netns del "$SOM_TAG-$n" 2>/dev/null
    ip link del "$SOM_TAG-v$i" 2>/dev/null; i=$((i + 1))
  done
  end munged
  ip link del "$SOM_TAG-br" 2>/dev/null
  if [ -n "${SOM_KEEP_LOGS:-}" ]; then mkdir -p "$SOM_KEEP_LOGS" && cp -r "$SOM_DIR/log" "$SOM_KEEP_LOGS/"; fi
  rm -rf --one-file-system "$SOM_DIR"
  return 0
}

case "${1:-}" in
  start)  shift; start "$@" ;;
  stop)   stop ;;
  env)    [ -e "$SOM_DIR/nodes" ] || die "not started"
          echo "export SLURM_CONF='$SOM_DIR/slurm.conf' SOM_DIR='$SOM_DIR' SOM_NET='$SOM_NET' SOM_TAG='$SOM_TAG'" ;;
  status) [ -e "$SOM_DIR/nodes" ] || die "not started"
          SLURM_CONF="$SOM_DIR/slurm.conf" sinfo -N -p main -o '%N %t %c %E' ;;
  lose)   isnode "${2:-}" || die "no such node"; ip -n "$SOM_TAG-$2" link set eth0 down ;;
  heal)   isnode "${2:-}" || die "no such node"; ip -n "$SOM_TAG-$2" link set eth0 up; answers "$2" ;;
  kill)   isnode "${2:-}" || die "no such node"; crash "$2" ;;
  boot)   isnode "${2:-}" || die "no such node"; boot "$2"; answers "$2" ;;
  wait)   [ $# -ge 2 ] || die "wait: no job"      # `sbatch -W` looks only every 10 s
          export SLURM_CONF="$SOM_DIR/slurm.conf"
          for i in $(seq $((${3:-60} * 10))); do
            r=$(scontrol -o show job "$2" 2>/dev/null) || die "no such job: $2"
            st=$(sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p' <<<"$r")
            case $st in PENDING|RUNNING|SUSPENDED|CONFIGURING|COMPLETING|REQUEUED) sleep 0.1 ;;
              *) echo "$st $(sed -n 's/.* ExitCode=\([0-9:]*\).*/\1/p' <<<"$r")"; exit 0 ;; esac
          done; echo "TIMEOUT_OF_WAIT $st"; exit 1 ;;
  now)    [ $# -ge 2 ] || die "now: no job"       # Slurm holds a requeued job back for 120 s
          export SLURM_CONF="$SOM_DIR/slurm.conf"
          for i in $(seq $((${3:-30} * 5))); do
            [ "$(squeue -h -j "$2" -o '%T %r' 2>/dev/null)" = "PENDING BeginTime" ] &&
              { scontrol update jobid="$2" StartTime=now; exit; }
            sleep 0.2
          done; exit 1 ;;
  on)     isnode "${2:-}" || die "no such node"; n=$2; shift 2
          exec $(enter "$n") "$@" ;;
  with)   shift; N=2; C=2
          while [ $# -gt 0 ]; do case $1 in
            -n) N=$2; shift 2 ;; -c) C=$2; shift 2 ;; --) shift; break ;; *) break ;; esac; done
          [ $# -gt 0 ] || die "with: no command"
          start "$N" "$C"
          trap 'stop; exit 130' INT TERM
          SLURM_CONF="$SOM_DIR/slurm.conf" SOM_DIR=$SOM_DIR SOM_NET=$SOM_NET SOM_TAG=$SOM_TAG "$@"; rc=$?
          stop; exit $rc ;;
  *)      sed -n '2,27p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
