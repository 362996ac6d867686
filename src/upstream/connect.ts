import { NO_INFO } from '../nats/info.ts';
import { unsignable } from '../nats/proxy-signature.ts';
import { Attempt } from './attempt.ts';
import { checkClearInfo } from './clear-info.ts';
import type { ConnectOptions, DialTarget, Upstream } from './connection.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Connects to one address of one server and waits for its first INFO line.
 *
 * ```
 *  off         connect ─▶ [PROXY] ─▶ INFO ─────────────────▶ done
 *  after-info  connect ─▶ [PROXY] ─▶ INFO in clear ─▶ TLS ─▶ done
 *  first       connect ─▶ [PROXY] ─▶ TLS ─▶ INFO ──────────▶ done
 * ```
 *
 * An opaque server may be silent, so its INFO is not awaited.
 *
 * @throws DialError; the reason of `options.signal` when it aborts. No socket is left then.
 */
export async function connect(target: DialTarget, options: ConnectOptions): Promise<Upstream> {
  const { tls, proxy, signs } = options;
  options.signal.throwIfAborted();
  const attempt = new Attempt(target, options);
  try {
    await attempt.connected(options.connectTimeoutMs);
    // Before everything, TLS included; nats-server waits for it before it answers.
    if (proxy !== undefined) attempt.write(proxy.header);
    if (tls?.config.mode === 'first') await attempt.secured(tls, false);
    if (target.opaque) return attempt.release(NOTHING, NO_INFO);

    const { infoLine, info } = await attempt.firstLine();
    if (!attempt.isSecure) {
      // Our own address is a system call.
      const claimed = proxy && { address: proxy.address, ours: attempt.localAddress };
      const problem = checkClearInfo(info, attempt.bytesAfter(infoLine), tls !== undefined, claimed);
      if (problem !== undefined) throw attempt.error(...problem);
      if (tls !== undefined) await attempt.secured(tls, info.tlsVerify);
    }
    const problem = signs ? unsignable(info) : undefined;
    if (problem !== undefined) throw attempt.error('upstream_not_trusting', problem);
    return attempt.release(infoLine, info);
  } catch (error) {
    attempt.destroy();
    throw error;
  }
}
