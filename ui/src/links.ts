/** Which addresses the player may load or hand to the host. */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * The address in its normal form when it is https, or http to this machine, where the sandbox is; else nothing.
 *
 * No name or password may be in it: they make one host look like another.
 */
export function link(address: string | undefined): string | undefined {
  const url = parsed(address);
  if (!url || url.username || url.password) return undefined;
  const safe = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
  return safe ? url.href : undefined;
}

function parsed(address: string | undefined): URL | undefined {
  try {
    return new URL(address ?? "");
  } catch {
    return undefined;
  }
}
