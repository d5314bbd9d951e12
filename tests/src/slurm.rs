//! A cluster of one node, this machine: Slurm's real daemons in a folder of their own, on ports of their own.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::lab::wait_for;

const DAEMONS: [&str; 3] = ["munged", "slurmctld", "slurmd"];
/// Debian keeps daemons in folders that are not on everyone's path.
const PLACES: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug)]
pub struct Cluster {
    place: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Cluster {
    /// `None`, after saying so, where the daemons are not installed.
    pub fn start() -> Option<Self> {
        let is_installed =
            |program: &&str| PLACES.split(':').any(|folder| Path::new(folder).join(program).exists());
        if !DAEMONS.iter().chain(&["sbatch"]).all(is_installed) {
            #[expect(clippy::print_stderr, reason = "a skipped test must say so")]
            {
                eprintln!("skipped: no Slurm here; apt-get install slurmctld slurmd slurm-client munge");
            }
            return None;
        }
        let mut cluster = Self { place: tempfile::tempdir().unwrap(), daemons: Vec::new() };
        cluster.configure();
        let file = |name: &str| cluster.at(name).display().to_string();
        let munged = [
            "--foreground".to_owned(),
            "--force".to_owned(),
            format!("--socket={}", file("munge.socket")),
            format!("--key-file={}", file("munge.key")),
            format!("--pid-file={}", file("munge.pid")),
            format!("--log-file={}", file("munge.log")),
            format!("--seed-file={}", file("munge.seed")),
            "--num-threads=1".to_owned(),
        ];
        let controller = ["-D".to_owned(), "-f".to_owned(), file("slurm.conf")];
        let node = ["-D".to_owned(), "-N".to_owned(), "n1".to_owned(), "-f".to_owned(), file("slurm.conf")];
        cluster.spawn("munged", &munged);
        wait_for("munge's socket", || cluster.at("munge.socket").exists());
        cluster.spawn("slurmctld", &controller);
        cluster.spawn("slurmd", &node);
        wait_for("a node that takes work", || {
            cluster.assert_all_run();
            cluster.ask("sinfo", &["-h", "-o", "%T"]).trim() == "idle"
        });
        Some(cluster)
    }

    /// A daemon that ended at once says why, and nobody waits for it.
    fn assert_all_run(&mut self) {
        let place = self.place.path().to_owned();
        for (program, daemon) in DAEMONS.iter().zip(&mut self.daemons) {
            if let Some(status) = daemon.try_wait().unwrap() {
                let said = |ending: &str| {
                    fs::read_to_string(place.join(format!("{program}.{ending}"))).unwrap_or_default()
                };
                panic!("{program} ended with {status}: {}{}", said("out"), said("log"));
            }
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// What programs need to see this cluster.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [("SLURM_CONF", self.at("slurm.conf").display().to_string()), ("PATH", PLACES.to_owned())]
    }

    /// What one of Slurm's programs prints.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).envs(self.environment()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// As `ask`, where a refusal fails the test.
    pub fn tell(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program).args(arguments).envs(self.environment()).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    }

    fn configure(&self) {
        let key: Vec<u8> = (0..128u8).map(|byte| byte.wrapping_mul(57) ^ std::process::id() as u8).collect();
        fs::write(self.at("munge.key"), key).unwrap();
        fs::set_permissions(self.at("munge.key"), fs::Permissions::from_mode(0o600)).unwrap();
        for folder in ["state", "spool"] {
            fs::create_dir(self.at(folder)).unwrap();
        }
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim().split('.').next().unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(2);
        let (controller_port, node_port) = (free_port(), free_port());
        let place = self.place.path().display();
        // Credentials that live shortly let a requeued job start again soon.
        let configuration = format!(
            "ClusterName=test\n\
             SlurmctldHost={host}(127.0.0.1)\n\
             SlurmctldPort={controller_port}\n\
             SlurmdPort={node_port}\n\
             AuthType=auth/munge\n\
             CredType=cred/munge\n\
             AuthInfo=socket={place}/munge.socket,cred_expire=5\n\
             SlurmUser={user}\n\
             SlurmdUser={user}\n\
             StateSaveLocation={place}/state\n\
             SlurmdSpoolDir={place}/spool\n\
             SlurmctldPidFile={place}/slurmctld.pid\n\
             SlurmdPidFile={place}/slurmd.pid\n\
             SlurmctldLogFile={place}/slurmctld.log\n\
             SlurmdLogFile={place}/slurmd.log\n\
             ProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\n\
             SwitchType=switch/none\n\
             MpiDefault=none\n\
             SelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\n\
             JobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\n\
             SchedulerParameters=sched_interval=2,batch_sched_delay=1\n\
             ReturnToService=2\n\
             KillWait=2\n\
             NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN\n\
             PartitionName=short Nodes=n1 Default=YES MaxTime=INFINITE State=UP\n"
        );
        fs::write(self.at("slurm.conf"), configuration).unwrap();
    }

    fn spawn(&mut self, program: &str, arguments: &[String]) {
        let output = fs::File::create(self.at(&format!("{program}.out"))).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).envs(self.environment()).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        self.daemons.push(command.spawn().unwrap());
    }
}

/// Below those that the system gives to whoever connects anywhere: one of these could be gone again before the daemon
/// has it. No port is handed out twice.
fn free_port() -> u16 {
    static HANDED_OUT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id().wrapping_mul(97);
    loop {
        let next = u32::from(HANDED_OUT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (first.wrapping_add(next) % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Drop for Cluster {
    /// Tasks outlive the daemons unless they are cancelled.
    fn drop(&mut self) {
        self.ask("scancel", &["--state=PENDING,RUNNING,SUSPENDED", "--partition=short"]);
        for _ in 0..50 {
            if self.ask("squeue", &["-h"]).trim().is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
