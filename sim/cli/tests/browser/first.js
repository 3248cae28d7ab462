// Put before all else in a copy of a report: notes what goes wrong while it loads.
window.troubles = [];
addEventListener("error", (event) => window.troubles.push(`error: ${event.message}`));
addEventListener("unhandledrejection", (event) => window.troubles.push(`rejection: ${event.reason}`));
addEventListener("securitypolicyviolation", (event) => window.troubles.push(`not allowed: ${event.violatedDirective}`));
for (const level of ["error", "warn"]) console[level] = (...said) => window.troubles.push(`console: ${said.join(" ")}`);
