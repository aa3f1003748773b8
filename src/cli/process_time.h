// When this process began, for measurements of what a person waits for.
#pragma once

namespace foretell::cli {

// First thing in main().
void note_start();

// Seconds since the process began, dynamic linking included.
double seconds_since_start();

}  // namespace foretell::cli
