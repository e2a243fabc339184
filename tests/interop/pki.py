# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Certificate authorities, certificates and revocation lists for one run, with python3-cryptography.

python makes them, strongSwan and the gateway judge them.
"""
import datetime
import functools
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

DAY = datetime.timedelta(days=1)
COUNTRY, ORGANISATION = "DE", "Portcullis Lab"


def name_of(common_name):
    oid = x509.NameOID
    return x509.Name([x509.NameAttribute(oid.COUNTRY_NAME, COUNTRY),
                      x509.NameAttribute(oid.ORGANIZATION_NAME, ORGANISATION),
                      x509.NameAttribute(oid.COMMON_NAME, common_name)])


def distinguished(common_name):
    """As rootca= wants it."""
    return f"C={COUNTRY}, O={ORGANISATION}, CN={common_name}"


@functools.lru_cache(maxsize=None)
def _key(bits, number):
    """Making keys takes time; few are enough. `number` tells keys of one size apart."""
    del number
    return rsa.generate_private_key(65537, bits)


class Identity:
    """A certificate with its key."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM,
                                      serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()).decode()

    @property
    def subject(self):
        """As strongSwan and the gateway print it."""
        return ", ".join(f"{part.rfc4514_attribute_name}={part.value}"
                         for part in self.certificate.subject)


class Authority(Identity):
    """A CA: the root if `issuer` is None."""

    def __init__(self, common_name, issuer=None, bits=2048, days=(-1, 30)):
        self.common_name = common_name
        self.issuer = issuer
        self.revoked = []
        key = _key(bits, f"CA {common_name}")
        signer = issuer or self
        self.key = key
        name = name_of(common_name)
        now = datetime.datetime.utcnow()
        certificate = (
            x509.CertificateBuilder().subject_name(name)
            .issuer_name(issuer.certificate.subject if issuer else name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(_authority_key(signer), False)
            .sign(signer.key, hashes.SHA256()))
        super().__init__(certificate, key)

    @property
    def distinguished(self):
        return distinguished(self.common_name)

    def issue(self, common_name, *, names=(), days=(-1, 30), bits=2048, crl_url=""):
        """A certificate for a gateway. `names`: DNS names. `days`: from and until, from now."""
        key = _key(bits, common_name)
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateBuilder().subject_name(name_of(common_name))
            .issuer_name(self.certificate.subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(_authority_key(self), False))
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        if crl_url:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)],
                                           None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
        return Identity(builder.sign(self.key, hashes.SHA256()), key)

    def revoke(self, identity):
        self.revoked.append(identity.certificate.serial_number)

    def crl(self, days=(-1, 30), encoding=serialization.Encoding.PEM):
        """The list of what was revoked."""
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
            .last_update(now + days[0] * DAY).next_update(now + days[1] * DAY)
            .add_extension(x509.CRLNumber(len(self.revoked) + 1), False)
            .add_extension(_authority_key(self), False))
        for serial in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial)
                .revocation_date(now - DAY).build())
        signed = builder.sign(self.key, hashes.SHA256())
        return signed.public_bytes(encoding)


def _usage(authority):
    return x509.KeyUsage(digital_signature=not authority, content_commitment=False,
                         key_encipherment=not authority, data_encipherment=False,
                         key_agreement=False, key_cert_sign=authority, crl_sign=authority,
                         encipher_only=False, decipher_only=False)


def _authority_key(authority):
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
