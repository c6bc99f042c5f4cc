//! What the child may still ask the kernel for. Whatever else it asks for ends it at once (seccomp(2)).

use std::io;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// Reading its input and the font, saying what it painted, memory, and ending; nothing that takes a name, another process or an
/// address.
const NEEDED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_madvise,
    // Locks, and the keys of hash tables.
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    // A signal for a stack that is too deep, and the end.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Begins to hold. There is no way back.
///
/// # Errors
/// Where the kernel or what this runs in has no such filters: then nothing is to be looked at.
pub(super) fn apply() -> io::Result<()> {
    let program = program().map_err(io::Error::other)?;
    apply_filter(&program).map_err(io::Error::other)
}

fn program() -> Result<BpfProgram, BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let without_conditions = NEEDED.iter().map(|call| (*call, Vec::new()));
    // Memory is never made a program. Builds that check themselves ask, before they close a file, whether it is open.
    let no_program = || only_if(2, SeccompCmpOp::MaskedEq(bits(libc::PROT_EXEC)), 0);
    let with_conditions = [
        (libc::SYS_mmap, vec![no_program()?]),
        (libc::SYS_mprotect, vec![no_program()?]),
        (libc::SYS_fcntl, vec![only_if(1, SeccompCmpOp::Eq, bits(libc::F_GETFD))?]),
    ];
    let rules = without_conditions.chain(with_conditions).collect();
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}

/// A call whose argument of this number is like that.
fn only_if(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)?])
}

fn bits(constant: libc::c_int) -> u64 {
    u64::try_from(constant).expect("what is compared with is not negative")
}
