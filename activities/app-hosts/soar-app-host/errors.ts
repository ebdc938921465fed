/** Owns how an app on App Host tells that its login was refused. */

/** The exit code of an app whose REST call or login was answered 401 (resilient-python-api, resilient_circuits/constants.py). */
export const exitOnRefusedLogin = 21;
