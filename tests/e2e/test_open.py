"""--open: the page in the browser of whoever sits at this machine."""
import os
import unittest

from harness import Case, wait_until

NOBODY = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "SSH_CONNECTION": None, "SSH_CLIENT": None, "SSH_TTY": None, "CI": None}


class Open(Case):
    def started(self, *words, **environment):
        home = self.home()
        tools = home.path / "tools"
        tools.mkdir()
        self.asked = home.path / "asked"
        script = tools / "xdg-open"
        script.write_text("#!/bin/sh\necho \"$1\" > '%s.new'; mv '%s.new' '%s'\n" % ((self.asked,) * 3))
        script.chmod(0o755)
        path = "%s:%s" % (tools, os.environ["PATH"])
        running = self.odysseus(home, *words, env={**NOBODY, "PATH": path, **environment})
        running.wait_ready()
        return running

    def test_at_a_desktop_the_page_is_handed_to_it(self):
        running = self.started("--open", DISPLAY=":99")
        wait_until(self.asked.exists, "the browser")
        self.assertEqual(self.asked.read_text(), "http://127.0.0.1:%d/odysseus\n" % running.port)

    def test_where_nobody_looks_it_is_said_and_nothing_opened(self):
        for environment in ({}, {"DISPLAY": ":99", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, {"DISPLAY": ":99", "CI": "true"}):
            running = self.started("--open", **environment)
            wait_until(lambda: "there is no browser here" in running.output(), "the note")
            running.stop()
            self.assertFalse(self.asked.exists())

    def test_nobody_asked_and_no_terminal_is_there(self):
        running = self.started(DISPLAY=":99")
        running.stop()
        self.assertFalse(self.asked.exists())
        self.assertNotIn("browser", running.output())


if __name__ == "__main__":
    unittest.main()
