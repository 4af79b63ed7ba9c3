"""placeholder until the random branch is merged"""
class Size(tuple):
    __slots__=()
    def __repr__(self): return f"torch.Size({list(self)})"
    def numel(self):
        n=1
        for k in self: n*=k
        return n
