/** Owns the port to the applied configurations, and to the keys that were adopted through them. */
import type { Configuration, CredentialDeclaration } from '../../workflows/domain/configuration.js';
import type { Order } from '../../workflows/domain/records.js';
import type { Who } from '../../workflows/domain/who.js';
import type { NewSecret } from './vault.js';

export interface Declarations {
  saveConfiguration(order: Order, configuration: Configuration, hash: string, by: Who): Promise<{ readonly changed: boolean }>;
  configurationHash(): Promise<string | null>;
  configuration(): Promise<{ readonly configuration: Configuration; readonly hash: string } | null>;
  credential(name: string): Promise<CredentialDeclaration>;
  /**
   * Records a key that exists already as the active version; the same key again changes nothing.
   */
  adopt(
    credential: string,
    version: {
      readonly account: string;
      readonly keyId: string;
      readonly keyName: string;
      readonly fingerprint: string | null;
      readonly digest: string | null;
      readonly secret: NewSecret | null;
      /** Where a person has handed it in: taken or not, that goes. */
      readonly handedIn: string | null;
    },
    by: Who,
  ): Promise<{ readonly generation: number; readonly adopted: boolean }>;
}
