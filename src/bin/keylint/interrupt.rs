//! Ctrl-C: the first one asks the scan to end, the second one ends the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// What a shell makes of a process that a Ctrl-C ended.
const ENDED_BY_SIGINT: i32 = 130;

/// A flag that the first SIGINT or SIGTERM sets. The next one ends the process at once, without a report.
pub(crate) fn flag() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the shutdown looks at the flag before the same signal sets it.
        flag::register_conditional_shutdown(signal, ENDED_BY_SIGINT, Arc::clone(&interrupted))?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}
