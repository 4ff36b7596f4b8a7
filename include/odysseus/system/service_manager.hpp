// Telling systemd how it goes (sd_notify(3)'s protocol): one datagram to the socket that
// NOTIFY_SOCKET names. Without that variable, and on other systems, nothing happens.
#pragma once

namespace odysseus::system {

void notify_ready();
void notify_stopping();

} // namespace odysseus::system
