/**
 * Owns every delay of the sandbox, in milliseconds: fixed here so that a measurement can be printed
 * together with what bounds it. None is zero, since a simulator that answers and spreads at once
 * would hide the faults that rekey exists to survive. Each is a shortened stand-in for a vendor
 * that needs seconds to minutes; the proportions are assumed, not measured.
 */
export const TIMING = {
  /**
   * Counters and queues reach the disk at least this often; keys and accounts are written before
   * their answer goes out.
   */
  flush: 200,

  datadog: {
    /**
     * What the three front ends of an address wait before they know of a new or a revoked key.
     * Which waits how long differs per key.
     */
    propagation: [150, 400, 900],
    /** The time of last use is published by a job that runs this often. */
    lastUsedLag: 500,
    rateLimitPeriod: 10_000,
  },

  algolia: {
    /**
     * What a host waits before it knows of a change that was made through another one. Which waits
     * how long differs per key and change.
     */
    propagation: [150, 400, 900],
    /**
     * How long a secured key is valid that the token service hands out; longer than the grace of
     * the sandbox's rekey.yaml.
     */
    securedKeys: 3_000,
  },

  soar: {
    undeploy: 400,
    deploy: 1200,
    /** Kubernetes waits this long before it starts a failed container again. */
    restartDelay: 300,
    messageEvery: 50,
    messageWork: 10,
    /** IBM: 100 failed logins within an hour ban the address for an hour, longer each time. */
    banWindow: 3_600_000,
    ban: 3_600_000,
  },

  docspace: {
    /**
     * From a change of a key until an authentication that was under way writes the row back as it
     * had read it, where that was planted.
     */
    writeBack: 150,
    /**
     * The job that deactivates expired keys; ten minutes in earnest. Expired ones are refused at
     * once all the same.
     */
    deactivateExpired: 2000,
    /** Slower than other programs: all calls of a user together are limited to 1,500 a minute. */
    callEvery: 200,
  },

  dnn: {
    /** How often each app asks for content. */
    askEvery: 100,
  },

  consumers: {
    /** From the start of a process until it reads its configuration. */
    agentStart: 200,
    appStart: 300,
    /** A process manager (systemd) waits this long before it starts a dead process again. */
    restartDelay: 200,
    /** A restart delay doubles with each failure in a row, up to this. */
    restartDelayLimit: 2400,
    sendEvery: 40,
    /** How long a program may take to end on SIGTERM before it is killed. */
    stopGrace: 5000,
    /**
     * How long a restart command waits for the new process: a bound on a hang, which a busy machine
     * must not come near.
     */
    startDeadline: 60_000,
  },
} as const;
