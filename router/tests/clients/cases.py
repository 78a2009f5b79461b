"""What the tests of every client share: a router of each kind.

It owns the routers' life; what is asked of them is the clients'. A case is written once and run for
each protocol, which a subclass names in `protocol`.
"""

import tempfile

from processes import MODELS, TOP, Router, Upstream, fault_map

KEY = "a-key-for-the-client-tests"


class WithDemo:
    """A router in demo mode over the committed map, which asks for a key."""

    # The committed roles whose first link is the protocol's model.
    ROLES = {"openai": "frontend_developer", "anthropic": "backend_developer"}

    @classmethod
    def setUpClass(cls):
        cls.map_file = TOP / "model_map.json"
        router = Router("--demo", "--map", cls.map_file, keys=f"tests:{KEY}")
        cls.router = cls.enterClassContext(router)

    @property
    def model(self):
        return MODELS[self.protocol]

    @property
    def role(self):
        return self.ROLES[self.protocol]


class WithFaults:
    """A router over a map whose providers fail as the role's name says."""

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.enterClassContext(Upstream())
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sfai-clients-"))
        map_file = fault_map(folder, cls.upstream)
        cls.router = cls.enterClassContext(Router("--map", map_file))

    def lone(self, fault):
        """The role that has no other link than the one with this fault."""
        return f"{fault}-{self.protocol}"

    def rescued(self, fault):
        """The role that goes on to the other protocol after this fault."""
        return f"{fault}-{self.protocol}-rescued"

    def path(self, fault):
        """What the path of an upstream request has when it meets this fault."""
        return f"/{fault}/{self.protocol}/"
