using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "journey", worker = .journey)],
);

const journey :Workerd.Worker = (
  modules = [(name = "journey", esModule = embed "journey-bundle.js")],
  compatibilityDate = "2026-01-01",
);
