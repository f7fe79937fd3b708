//! The priority of the process: work that nobody waits for leaves the processor to whoever works at this computer.

use std::sync::Once;

/// How far down, of 19. `nice` counts from where the process stands, so it is asked for once.
const STEPS: i32 = 10;

static GIVEN_WAY: Once = Once::new();

/// From here on others come first. Where it is not allowed, work goes on as it was.
pub(crate) fn give_way() {
    GIVEN_WAY.call_once(|| {
        if let Err(error) = rustix::process::nice(STEPS) {
            tracing::debug!(%error, "can't lower the priority");
        }
    });
}
